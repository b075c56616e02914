import { useSignal } from '@preact/signals';
import { signIn, token } from '../state/session.ts';

/** Asks for a token when the server needs one. */
export function SignIn() {
  const secret = useSignal('');
  const wasRefused = token.value !== null;
  return (
    <main class="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (secret.value.trim() !== '') signIn(secret.value.trim());
        }}
      >
        <h1>Raincheck</h1>
        <p>This server asks for a token.</p>
        {wasRefused ? (
          <p class="field-error" role="alert">
            The server does not take the token that was given.
          </p>
        ) : null}
        <label>
          Token
          <input
            type="password"
            autocomplete="current-password"
            autofocus
            value={secret.value}
            onInput={(event) => (secret.value = event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="main">
          Sign in
        </button>
        <p class="dim">
          It is the server's <code>RAINCHECK_TOKEN</code>, or one of its <code>tokens</code>. It is
          kept in this tab only, until the tab is closed.
        </p>
      </form>
    </main>
  );
}
