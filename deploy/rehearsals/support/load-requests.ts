/** Address and token of a client. */
export type Login = { url: string; token: string };

/** Attempts at a stream that breaks before its run has ended. */
const MAX_ATTEMPTS = 20;

/** Sends a request with JSON. Throws if the status is not the expected one. */
export async function sendRequest(
  { url, token }: Login,
  path: string,
  body?: object,
  expected = 200,
) {
  const response = await fetch(`${url}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status !== expected) throw new Error(`${response.status} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

/** Sends a GraphQL request. Returns its data, and throws if it has errors. */
export async function graphql(login: Login, query: string) {
  const { data, errors } = await sendRequest(login, '/graphql', { query });
  if (errors) throw new Error(JSON.stringify(errors).slice(0, 300));
  return data;
}

/** Result of following a run. */
export type FollowedRun = {
  /** Number of times that the stream was resumed after its last event. */
  resumes: number;
  /** Failed attempts, with their time by performance.now(). */
  failures: { at: number; message: string }[];
  /** A message if the events differ from those of an uninterrupted stream. */
  difference?: string;
};

/**
 * Follows the stream of a run to its end. Resumes the stream where it breaks, as browsers do. Then
 * reads the whole stream once more, to compare the events.
 */
export async function followRun(login: Login, id: string): Promise<FollowedRun> {
  const ids: string[] = [];
  const followed: FollowedRun = { resumes: 0, failures: [] };
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    if (attempt > 0) followed.resumes += 1;
    const hasEnded = await readStream(login, id, ids).catch((error: Error) => {
      followed.failures.push({ at: performance.now(), message: error.message });
      return false;
    });
    if (hasEnded) break;
  }
  const whole: string[] = [];
  // an interrupted second stream is not compared
  const hasEnded = await readStream(login, id, whole).catch(() => false);
  if (hasEnded && ids.join(' ') !== whole.join(' ')) {
    followed.difference = `${id}: ${ids.join(' ')} instead of ${whole.join(' ')}`;
  }
  return followed;
}

/**
 * Reads a stream after the last of `ids`, and adds the ids of its events. Returns whether the run
 * has ended.
 */
async function readStream({ url, token }: Login, id: string, ids: string[]): Promise<boolean> {
  const last = ids.at(-1);
  const response = await fetch(`${url}/api/executions/${id}/stream`, {
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'text/event-stream',
      ...(last && { 'last-event-id': last }),
    },
  });
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  let hasEnded = false;
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    rest += decoder.decode(chunk, { stream: true });
    const frames = rest.split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) {
      const cursor = /^id: ?(.+)$/m.exec(frame)?.[1];
      if (cursor) ids.push(cursor);
      hasEnded ||= /^event: ?(complete|error)$/m.test(frame);
    }
  }
  return hasEnded;
}
