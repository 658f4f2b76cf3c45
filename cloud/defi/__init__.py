"""The liquidity pool: staked LT earn yield, and are lent for minutes against collateral."""
