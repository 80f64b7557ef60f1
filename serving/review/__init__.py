"""The review page: where people look at captions, say what they miss, and publish the model that learnt it."""
