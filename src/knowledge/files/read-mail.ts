import PostalMime from 'postal-mime';
import { readHtml } from '../read-html.ts';
import { readPlainText } from '../read-markdown.ts';
import { fileFault } from './file-fault.ts';
import type { TextBuilder } from './text-builder.ts';

type Email = Awaited<ReturnType<typeof PostalMime.parse>>;
type Address = NonNullable<Email['from']>;

/** A message with more is no message that a person wrote. */
const LIMITS = { maxNestingDepth: 50, maxHeadersSize: 1_000_000, maxRfc822NestingDepth: 5 };
const MAX_ATTACHMENTS = 100;

/**
 * Reads an e-mail: the subject as heading, its sender, receivers and time, its text, and the names
 * of its attachments, which are not read.
 */
export async function readMail(bytes: Buffer, builder: TextBuilder): Promise<void> {
  const mail = await parse(bytes);
  if (!mail.from && mail.subject === undefined && mail.date === undefined) {
    throw fileFault('unreadable', 'the file is not an e-mail: it has no From, Subject or Date');
  }
  if (mail.subject) builder.add(mail.subject, { level: 1 });
  builder.add(headersOf(mail));
  if (mail.text?.trim()) builder.addText(readPlainText(mail.text));
  else if (mail.html) builder.addText(readHtml(mail.html));
  builder.add(attachmentsOf(mail));
}

async function parse(bytes: Buffer): Promise<Email> {
  try {
    return await PostalMime.parse(bytes, LIMITS);
  } catch (error) {
    const { message } = error as Error;
    throw fileFault('unreadable', `the e-mail cannot be read: ${message}`, error);
  }
}

function headersOf({ from, to = [], cc = [], date }: Email): string {
  const lines = [
    ['From', from ? addressOf(from) : ''],
    ['To', to.map(addressOf).join(', ')],
    ['Cc', cc.map(addressOf).join(', ')],
    ['Date', date ?? ''],
  ];
  return lines
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
}

function addressOf({ name, address, group }: Address): string {
  if (group) return `${name}: ${group.map(addressOf).join(', ')}`;
  if (!name) return address ?? '';
  return address ? `${name} <${address}>` : name;
}

function attachmentsOf({ attachments }: Email): string {
  const names = attachments.map(({ filename, mimeType }) => filename ?? mimeType);
  const more = names.length - MAX_ATTACHMENTS;
  const shown = names.slice(0, MAX_ATTACHMENTS).join(', ');
  if (names.length === 0) return '';
  return `Attachments: ${shown}${more > 0 ? ` and ${more} more` : ''}`;
}
