"""What every page and every JSON answer shares: context, guard, forms, errors, rendering, security."""
