"""What is known of other packages, one module for each; none is imported before its objects are met."""
