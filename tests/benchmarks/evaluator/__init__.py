"""How fast the evaluator is, apart from stores and providers."""
