"""The model gateway: named routes over targets of many vendors, and what happens when one of them does not answer.

``routes`` says what there is, ``job`` what is wanted, ``choose`` who is asked, ``attempt`` how one is asked, ``health`` and
``pace`` what is known of each; ``asking`` goes on until there is an answer or nobody is left. It knows no turns and no
store.
"""
