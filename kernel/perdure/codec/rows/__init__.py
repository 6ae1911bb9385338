"""Types as rows: how an object of each is taken apart into values, and made again without a pickle."""
