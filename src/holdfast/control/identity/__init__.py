"""Who is there, and what they may do.

keys      the key ring that signs      tokens    signed tokens: made, and believed or not
scopes    who may call which operation  held      API tokens: secrets that stand for somebody
exchange  delegation                    edge      from what a request carries to a principal
"""
