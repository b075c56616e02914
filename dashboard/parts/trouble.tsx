import { ProblemError } from 'raincheck/client';
import { Mark } from './mark.tsx';

/** Why something did not work, as the server said it. */
export function Trouble({ error }: { readonly error: Error | null }) {
  if (error === null) return null;
  const problem = error instanceof ProblemError ? error.problem : null;
  return (
    <div class="trouble" role="alert">
      <Mark shape="warn" />
      <div>
        <strong>{problem?.title ?? 'No answer'}</strong>
        <p>{error.message}</p>
        {problem?.errors?.map(({ pointer, detail }) => (
          <p key={pointer}>
            <code>{pointer === '' ? 'the whole' : pointer}</code> {detail}
          </p>
        ))}
      </div>
    </div>
  );
}
