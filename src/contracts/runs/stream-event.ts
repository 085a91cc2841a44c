import type { Json } from '../../json/json.ts';

/** An event as Server-Sent Events carry it. */
export type StreamEvent = {
  event:
    | 'thought'
    | 'action'
    | 'observation'
    | 'ask_user'
    | 'token'
    | 'complete'
    | 'error'
    /** Of the log of many runs alone. */
    | 'step';
  /** Where to go on behind it; what has none comes again, or not at all. */
  id?: string;
  data: Readonly<Record<string, Json>>;
};
