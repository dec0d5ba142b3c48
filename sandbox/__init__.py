"""The vendors' own protocols as loopback servers, with faults to order, and the demo page."""
