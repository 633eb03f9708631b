"""The measures of a cell: the words that the queries, the frames and the comparison share."""

DAY_MICROS = 86_400_000_000
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# In the order of the published columns; a code is an index.
MEASURES = """out_of_scope exempt valid tracking_missing tracking_placeholder carrier_missing carrier_not_accepted number_refused
carrier_mismatch added_after_delivery number_malformed check_digit_failed delivery_scan_missing scan_missing""".split()
CODE = {name: code for code, name in enumerate(MEASURES)}
