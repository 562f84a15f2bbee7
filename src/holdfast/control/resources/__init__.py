"""Resources: what people declare about agents, models, money and rules, with versions, plans and a way back.

documents  what files say              kinds     what a kind may say, and how it takes effect
merging    three-way merge             planning  what would change, and whom it would touch
texts      documents as YAML           reading   what was declared, its versions, what drifts
operations plan, apply, rollback, delete
"""
