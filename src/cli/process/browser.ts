import { spawn } from 'node:child_process';
import { ownEnvironment } from '../../config.ts';

/** The programs that open an address as a click on it would. */
const OPENERS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};
/**
 * The milliseconds after which an opener has succeeded. An opener that fails does so at once, and
 * some run as long as the browser.
 */
const PATIENCE_MS = 1_000;

/**
 * Opens the page of a server in the browser of the person at this machine, without a shell. Returns
 * false if that is not possible.
 */
export async function openPage(url: string): Promise<boolean> {
  if (!/^https?:$/.test(new URL(url).protocol)) return false;
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const child = spawn(program, [...args, url], {
    stdio: 'ignore',
    detached: true,
    env: ownEnvironment(),
  });
  child.unref();
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), PATIENCE_MS);
    const isOver = (isOpen: boolean) => {
      clearTimeout(timer);
      resolve(isOpen);
    };
    child.once('error', () => isOver(false));
    child.once('exit', (code) => isOver(code === 0));
  });
}
