"""Who may call whom: what the RBAC and JWT filters of a server's proxy decide (semantics §5, §6).

    guard = mesh.guard(port)                                    all that decides about a port (filters.Guard)
    outcome = decide(guard, caller, request)                    Effective[Decision]: verdict, layer, the rules that decided
    Caller(Identity("shop", "web"))                             a caller with a certificate; Caller(None) sends plaintext
    Request(method="POST", path="/v1/chat", host="llm")         None = not known: a condition on it may hold or not
    mesh.authorization.survey(guard).answers                    the kinds of callers and requests, each with its outcome (survey.Answer)

`outcome.value.verdict` is ALLOW, DENY or UNKNOWN; `outcome.because` is the chain of reasons, the last located one decides;
`outcome.candidates` differ by a tie (of PeerAuthentications, or whether there is a proxy): `decide.verdict(outcome)` is UNKNOWN
where they disagree. `outcome.value.rules` are `rules.Rule`s: policy, position, and the conditions of `from`, `to` and `when`
as `Condition(field, kind, values, excluded)`, each `Value` with its text and place; `Rule.of(call)` asks one of them.
`guard.applied` (or `mesh.authorization.applied(namespace, labels)`) has the policies in force (`.policies`), those in dry run
(`.dry`) and the tokens that are checked (`.tokens`) of a workload, by `policies.Applied.of(Action.ALLOW)`.
"""
