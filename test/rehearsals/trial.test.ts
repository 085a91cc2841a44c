import { expect, test } from 'vitest';
import { probeClock } from '../../deploy/rehearsals/support/hostile/probe.ts';
import {
  isFault,
  type Laboratory,
  MAX_DELAY_MS,
  meetsBars,
  runTrial,
  type Trial,
} from '../../deploy/rehearsals/support/hostile/trial.ts';

/** A body's effect: how long it delays `/healthz`, by itself or only once it is answered. */
type Behaviour = { delay?: number; lateDelay?: number; status?: number };

/** Makes a trial of 16 bodies that behave as `behave` says, by number and earlier sends. */
function makeTrial(behave: (body: number, earlier: number) => Behaviour) {
  const sent: string[] = [];
  const delays: { at: number; value: number }[] = [];
  let late = 0;
  const delay = (value: number) => delays.push({ at: probeClock(), value });
  const delayLate = () => {
    delay(late);
    late = 0;
  };
  const trial: Trial = {
    ...{ role: 'viewer', token: '' },
    bodies: Array.from({ length: 16 }, (_, n) => ({ shape: `body ${n}`, text: String(n) })),
    endpoint: {
      ...{ name: 'POST /x', templates: [] },
      async send(text) {
        const earlier = sent.filter((other) => other === text).length;
        const behaviour = behave(Number(text), earlier);
        delayLate();
        sent.push(text);
        delay(behaviour.delay ?? 0);
        late = behaviour.lateDelay ?? 0;
        return { status: behaviour.status ?? 200 };
      },
    },
  };
  const laboratory: Laboratory = {
    usual: { healthz: 0, neighbour: 0, run: 0 },
    server: {
      url: '',
      hasEnded: () => false,
      countLines: () => 0,
      lastLines: () => '',
      stop: async () => {},
    },
    probe: {
      waitForSamples: async () => delayLate(),
      largest: (kind, since, until) =>
        delays
          .filter(({ at }) => kind === 'healthz' && at >= since && at < until)
          .reduce((largest, { value }) => Math.max(largest, value), 0),
      values: () => [],
      latest: () => 0,
      stop: async () => {},
    },
  };
  return { sent, run: () => runTrial(laboratory, trial) };
}

const LONG = { delay: MAX_DELAY_MS + 1 };

test('a passing trial sends each body once', async () => {
  const { sent, run } = makeTrial(() => ({ delay: MAX_DELAY_MS }));
  const effects = await run();
  expect(effects.map(({ shape }) => shape)).toEqual(sent.map((text) => `body ${text}`));
  expect(effects).toHaveLength(16);
  expect(effects.every(meetsBars)).toBe(true);
});

test('finds the one body that exceeds a limit', async () => {
  const { run } = makeTrial((body) => (body === 11 ? LONG : {}));
  const effects = await run();
  expect(effects).toHaveLength(16);
  expect(effects.filter((one) => !meetsBars(one)).map(({ shape }) => shape)).toEqual(['body 11']);
});

test('attributes a delay after the answer to its own body, not to the next', async () => {
  const { run } = makeTrial((body) => (body === 5 ? { lateDelay: MAX_DELAY_MS + 1 } : {}));
  const effects = await run();
  expect(effects.filter((one) => !meetsBars(one)).map(({ shape }) => shape)).toEqual(['body 5']);
});

test('attributes a delay that does not recur to the machine, not to the body', async () => {
  const { sent, run } = makeTrial((body, earlier) => (body === 3 && earlier < 6 ? LONG : {}));
  const effects = await run();
  expect(effects.every(meetsBars)).toBe(true);
  expect(sent.filter((text) => text === '3')).toHaveLength(7);
});

test('reports an error even when it does not recur', async () => {
  const { run } = makeTrial((body, earlier) =>
    body === 9 && earlier === 0 ? { ...LONG, status: 500 } : {},
  );
  const effects = await run();
  expect(effects.filter(isFault).map(({ shape }) => shape)).toEqual(['body 9']);
  expect(effects.every(meetsBars)).toBe(true);
});
