import { ProblemError } from 'raincheck/client';
import { Mark } from './mark.tsx';

/** The error of the server, in its own words. */
export function Trouble({ error }: { readonly error: Error | null }) {
  if (error === null) return null;
  const problem = error instanceof ProblemError ? error.problem : null;
  const isMisfit = error instanceof RangeError; // from serverFilters, before any request
  return (
    <div class="trouble" role="alert">
      <Mark shape="warn" />
      <div>
        <strong>{problem?.title ?? (isMisfit ? 'This search does not fit' : 'No answer')}</strong>
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
