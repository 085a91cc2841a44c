import type { Json } from '../../json/json.ts';

/** The events of a run. */
export const RUN_EVENTS = [
  'thought',
  'action',
  'started',
  'observation',
  'ask_user',
  'token',
  'progress',
  'complete',
  'error',
] as const;

/** An event of Server-Sent Events. */
export type StreamEvent = {
  event:
    | (typeof RUN_EVENTS)[number]
    /** An event of the log of many runs alone. */
    | 'step'
    /** Events of a list alone: a row of it, a row that left it, and that nothing is missing. */
    | 'execution'
    | 'question'
    | 'watched_row'
    | 'removed'
    | 'synced';
  /**
   * The position to continue from after this event. An event without an id is sent again, or not at
   * all.
   */
  id?: string;
  data: Readonly<Record<string, Json>>;
};
