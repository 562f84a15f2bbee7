"""An operator: an agent that has Holdfast's own MCP server and nothing else, and goals and limits that a person wrote."""
