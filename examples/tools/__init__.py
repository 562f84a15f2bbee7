"""An agent with tools from elsewhere: a database, an HTTP service, a server of the Model Context Protocol."""
