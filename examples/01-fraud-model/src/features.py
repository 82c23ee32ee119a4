"""The columns a transaction is scored by, shared by training and serving so that the two cannot drift apart."""

NUMERIC = ["amount", "hour", "distance_km", "previous_declines"]
CATEGORICAL = ["merchant", "country"]
FLAGS = ["card_present"]
LABEL = "is_fraud"

MERCHANTS = ["electronics", "fuel", "grocery", "jewellery", "online", "restaurant", "travel", "utilities"]
COUNTRIES = ["DE", "ES", "FR", "GB", "IT", "NL", "PL", "US"]
