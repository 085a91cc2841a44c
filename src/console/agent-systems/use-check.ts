import { useDebouncedValue } from '@mantine/hooks';
import { useRef } from 'react';
import { callRest } from '../server/rest.ts';
import { useRequest } from '../server/use-request.ts';

/** The name of the file in messages. */
export const FILE = 'agent-system.yaml';

/** The time without a change after which a text is checked, in milliseconds. */
const PAUSE_MS = 400;

/** A fault of a file, at its place. */
export type Fault = {
  line: number;
  column: number;
  message: string;
  hint?: string;
  code: string;
};

type Check = { valid: boolean; faults: Fault[]; warnings: string[] };

/**
 * Checks a file as the server would apply it, after each pause in the typing. The result of the
 * last check stays until the next one.
 */
export function useCheck(text: string) {
  const [settled] = useDebouncedValue(text, PAUSE_MS);
  const { data, failure, reload } = useRequest(settled, () =>
    callRest<{ files: Check[] }>('/agent-systems/check', {
      method: 'POST',
      body: { files: [{ name: FILE, text: settled }] },
    }),
  );
  const last = useRef<Check>(undefined);
  if (data) last.current = data.body.files[0];
  const isCurrent = settled === text && data !== undefined;
  return { check: last.current, isCurrent, failure, reload };
}
