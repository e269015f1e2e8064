"""Mathematics on arrays: no estimator inside."""
