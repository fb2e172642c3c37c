"""What the gateway serves, a module for each kind of request; every router is given its services."""
