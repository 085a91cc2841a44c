import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { JsonObject } from '../../src/json/json.ts';

export type Posted = { channel: string; thread_ts: string; text: string };

/**
 * Starts a server that acts as Slack: it sends signed events to an app, repeats them as Slack does,
 * and accepts the messages that the app posts with its bot token.
 */
export async function startSlack(options: { signingSecret: string; botToken: string }) {
  const posted: Posted[] = [];
  const answers: number[] = [];
  const faults: [status: number, body: JsonObject][] = [];
  let number = 0;
  const server = createServer(async (incoming, response) => {
    const body = JSON.parse(await text(incoming));
    const isKnown = incoming.headers.authorization === `Bearer ${options.botToken}`;
    const [status, answer] = !isKnown
      ? [200, { ok: false, error: 'invalid_auth' }]
      : incoming.url !== '/api/chat.postMessage'
        ? [200, { ok: false, error: 'unknown_method' }]
        : (faults.shift() ?? [200, { ok: true, ts: `${Date.now()}.1` }]);
    answers.push(status);
    if (isKnown && status === 200 && answer.ok === true) posted.push(body);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const send = (url: string, contents: JsonObject, retry?: number) =>
    sendSigned(options.signingSecret, url, contents, retry);
  return {
    posted,
    answers,
    /** The answers to the next messages of the app. */
    faults,
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    send,
    /** Sends an event and repeats it three times, as Slack does after lost answers. */
    async emit(url: string, event: JsonObject) {
      number += 1;
      const contents = {
        type: 'event_callback',
        team_id: 'T1DC2JH3J',
        api_app_id: 'A123',
        event_id: `Ev${number}`,
        event_time: 1_700_000_000,
        event: { ts: `1700000000.00000${number}`, ...event },
      };
      const first = send(url, contents);
      const repeats = [1, 2, 3].map((retry) => send(url, contents, retry));
      return (await Promise.all([first, ...repeats])).map(({ status }) => status);
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Sends one signed request to the app. Returns the status and the body of its answer. */
async function sendSigned(
  signingSecret: string,
  url: string,
  contents: JsonObject,
  retry?: number,
) {
  const body = JSON.stringify(contents);
  const time = Math.floor(Date.now() / 1_000).toString();
  const signature = createHmac('sha256', signingSecret).update(`v0:${time}:${body}`).digest('hex');
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-slack-request-timestamp': time,
      'x-slack-signature': `v0=${signature}`,
      ...(retry !== undefined && {
        'x-slack-retry-num': `${retry}`,
        'x-slack-retry-reason': 'http_timeout',
      }),
    },
    body,
  });
  return { status: response.status, body: (await response.json()) as JsonObject };
}
