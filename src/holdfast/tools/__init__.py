"""What a model may call: tools, with what the gate and the retry logic have to know of each."""

from .tool import Tool, ToolFailed, tool, tool_of

__all__ = ["Tool", "ToolFailed", "tool", "tool_of"]
