/**
 * The reason why the text of a file cannot be read.
 * - `password_protected`: the file is encrypted
 * - `no_text`: the file is readable, but has no text
 * - `too_large`: a limit of pages, text or decompressed bytes is exceeded
 * - `unreadable`: the file is damaged, or of another type than it says
 */
export type FileFaultCode = 'password_protected' | 'no_text' | 'too_large' | 'unreadable';

/** Returns the error of a file that cannot be read. The message says what to do. */
export function fileFault(code: FileFaultCode, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code });
}

export const passwordFault = () =>
  fileFault(
    'password_protected',
    'the file is protected by a password: remove the password, and add the file again',
  );
