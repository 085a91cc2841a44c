import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Azure's own service inside every machine there: a public number that no router outside knows. */
const AZURE_WIRE_SERVER = '168.63.129.16';

/**
 * Whether an address is one of the public internet, in any spelling. An IPv6 address that carries an IPv4 one
 * is as public as what it carries. `own` are the addresses of this machine: what listens there
 * may be hidden from the internet by a firewall that does not see us.
 */
export function isPublicAddress(address: string, own: readonly string[] = ownAddresses()): boolean {
  if (address.includes('%') || !ipaddr.isValid(address)) return false;
  const mine = new Set(own.filter(ipaddr.isValid).map(normalized));
  return carried(ipaddr.parse(address)).every(
    (one) => isGlobalUnicast(one) && !mine.has(one.toNormalizedString()),
  );
}

function isGlobalUnicast(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  // Of IPv6 only 2000::/3 is given out; `unicast` to ipaddr.js is what has no other name, `::7f00:1` too.
  return address instanceof ipaddr.IPv4
    ? address.toString() !== AZURE_WIRE_SERVER
    : ((address.toByteArray()[0] ?? 0) & 0xe0) === 0x20;
}

/** What a packet to this address reaches in the end. */
function carried(address: Address): Address[] {
  if (address instanceof ipaddr.IPv4) return [address];
  const bytes = address.toByteArray();
  const v4 = (from: number, mask = 0) =>
    new ipaddr.IPv4(bytes.slice(from, from + 4).map((byte) => byte ^ mask));
  switch (address.range()) {
    case 'ipv4Mapped':
    case 'rfc6145':
      return [v4(12)];
    case 'rfc6052':
      // The prefix every NAT64 knows; 64:ff9b:1::/48 is for private ones and stays what it is.
      return bytes[5] === 0 ? [v4(12)] : [address];
    case '6to4':
      return [v4(2)];
    case 'teredo':
      return [v4(4), v4(12, 0xff)];
    default:
      return [address];
  }
}

function normalized(address: string): string {
  return ipaddr.process(address).toNormalizedString();
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((all = []) =>
    all.map(({ address }) => address),
  );
}
