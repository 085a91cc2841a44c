import { HowdahError } from '../../contracts/errors.ts';

/** Explains the error of a server that cannot listen. Returns any other error as it is. */
export function explainListenError(
  error: unknown,
  address: { host: string; port: number },
  hint: string,
): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') return error;
  const { host, port } = address;
  const message = `port ${port} of ${host} is in use`;
  return new HowdahError('EADDRINUSE', message, { hint, detail: { host, port }, cause: error });
}
