import { lazy } from '../../concurrency/lazy.ts';

/** The package `openai`: its client, and the classes of its errors. */
export type Sdk = typeof import('openai');

/**
 * Loads the package with the first call of a model. It takes 0.2 s of CPU and 30 MB, and most
 * processes and threads that know the provider never call it.
 */
export const { get: loadSdk } = lazy((): Promise<Sdk> => import('openai'));
