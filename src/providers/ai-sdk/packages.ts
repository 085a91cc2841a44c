import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Outcome } from '../../contracts/errors.ts';
import { createFailure } from '../failure.ts';

/** The exports of a package of the AI SDK. */
export type SdkPackage = Readonly<Record<string, unknown>>;

/** The form of a package name of npm. No path and no URL has this form. */
const PACKAGE_NAME = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

const loaded = new Map<string, SdkPackage>();

/** Returns whether a package is installed, beside Howdah or in the project of the user. */
export function isInstalled(packageName: string): boolean {
  return resolvePackage(packageName) !== null;
}

/**
 * Loads a package with its first use. A package that is missing now may be installed while this
 * process runs, so failures are not cached.
 */
export async function loadPackage(packageName: string): Promise<Outcome<SdkPackage>> {
  const known = loaded.get(packageName);
  if (known !== undefined) return { ok: true, value: known };
  const file = resolvePackage(packageName);
  if (file === null) {
    const message = `The package ${packageName} is not installed: run npm install ${packageName}.`;
    return createFailure('invalid_request', message);
  }
  try {
    const exports = (await import(pathToFileURL(file).href)) as SdkPackage;
    loaded.set(packageName, exports);
    return { ok: true, value: exports };
  } catch (error) {
    const { message, code } = error as { message?: string; code?: unknown };
    const cause = typeof code === 'string' ? { code } : undefined;
    const reason = `The package ${packageName} cannot be loaded: ${message ?? String(error)}`;
    return createFailure('unreachable', `${reason}. Try npm install ${packageName}.`, { cause });
  }
}

/** Returns the file of a package, first of Howdah's own packages, then of the user's project. */
export function resolvePackage(packageName: string): string | null {
  if (!PACKAGE_NAME.test(packageName)) return null;
  for (const base of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return createRequire(base).resolve(packageName);
    } catch {
      // Not installed there
    }
  }
  return null;
}
