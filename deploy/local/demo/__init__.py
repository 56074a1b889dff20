"""`make demo`: the whole story on a real API server, with an AWS that refuses what AWS refuses."""
