"""The identity token itself, for services that exchange it without a provider of their own."""
