import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** The path of a Chromium on this machine; undefined if there is none. */
export const CHROMIUM = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path && existsSync(path));

if (!CHROMIUM) console.warn('no Chromium found, set CHROMIUM_PATH: tests of pages are skipped');

/** Starts the browser without a window. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM ?? '',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
}
