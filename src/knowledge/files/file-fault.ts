/**
 * The reason why the text of a file cannot be read.
 * - `password_protected`: the file is encrypted
 * - `no_text`: the file is readable, but has no text
 * - `too_large`: a limit of pages, text or decompressed bytes is exceeded
 * - `unreadable`: the file is damaged, or of another type than it says
 */
export const FILE_FAULTS = ['password_protected', 'no_text', 'too_large', 'unreadable'] as const;
export type FileFaultCode = (typeof FILE_FAULTS)[number];

/** Returns the error of a file that cannot be read. The message says what to do. */
export function fileFault(code: FileFaultCode, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code });
}

/** Returns whether an error says why a file cannot be read. */
export const isFileFault = (error: unknown): boolean =>
  FILE_FAULTS.includes((error as { code?: FileFaultCode }).code as FileFaultCode);

export const passwordFault = () =>
  fileFault(
    'password_protected',
    'the file is protected by a password: remove the password, and add the file again',
  );
