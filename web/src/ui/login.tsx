/** The door: a token, or one of the logins that this server offers. */
import { useState } from "preact/hooks";
import { session, signIn } from "../data/session";

export function Login() {
  const [token, setToken] = useState("");
  const [wrong, setWrong] = useState("");
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setWrong(await signIn(token.trim()));
  };
  return (
    <main class="login">
      <form onSubmit={(event) => void submit(event)}>
        <img src="/favicon.svg" alt="" width="40" height="40" />
        <h1>Sign in to Holdfast</h1>
        {(session.value?.logins ?? []).map((name) => (
          <a key={name} class="button primary" href={`/auth/login/${name}`}>
            Continue with {name}
          </a>
        ))}
        <label class="labelled">
          <span>Token</span>
          <span class="field">
            <input type="password" autocomplete="current-password" required autofocus value={token} onInput={(e) => setToken(e.currentTarget.value)} />
          </span>
        </label>
        {wrong && <p role="alert" class="inspector-error">{wrong}</p>}
        <button type="submit" class="button primary">
          Sign in
        </button>
        <p class="faint">
          <code>holdfast token create</code> makes one, with the rights that you choose.
        </p>
      </form>
    </main>
  );
}
