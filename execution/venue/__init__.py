"""The simulated venue over HTTP and websocket, in the words of Alpaca's API: the same engine, with a wire before it.

For rehearsing with the real client library, offline. It trades nothing of its own: orders go to `brokers.simulated`,
and what the engine does not know (times, replacements, scripted rejections) is kept in `order_sheet`. Begin with `app`.
"""
