"""Fire or wait: pure rules over facts. No clock, no orchestrator, no store."""
