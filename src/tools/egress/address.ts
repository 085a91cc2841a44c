import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * The address of Azure's own service inside every machine there. The number is public, but no
 * router outside knows it.
 */
const AZURE_WIRE_SERVER = '168.63.129.16';

/**
 * Returns whether an address, in any spelling, is on the public internet. An IPv6 address that
 * embeds an IPv4 address is as public as that address. `own` are the addresses of this machine.
 * They are not public, because a firewall may hide their services from the internet but not from
 * this process.
 */
export function isPublicAddress(address: string, own: readonly string[] = ownAddresses()): boolean {
  if (address.includes('%') || !ipaddr.isValid(address)) return false;
  const mine = new Set(own.filter(ipaddr.isValid).map(normalizeAddress));
  return embeddedAddresses(ipaddr.parse(address)).every(
    (one) => isGlobalUnicast(one) && !mine.has(one.toNormalizedString()),
  );
}

function isGlobalUnicast(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  // IPv6 has allocated only 2000::/3. For ipaddr.js, `unicast` is any address without another
  // range, also `::7f00:1`.
  return address instanceof ipaddr.IPv4
    ? address.toString() !== AZURE_WIRE_SERVER
    : ((address.toByteArray()[0] ?? 0) & 0xe0) === 0x20;
}

/** Returns the addresses that a packet to this address finally reaches. */
function embeddedAddresses(address: Address): Address[] {
  if (address instanceof ipaddr.IPv4) return [address];
  const bytes = address.toByteArray();
  const v4 = (from: number, mask = 0) =>
    new ipaddr.IPv4(bytes.slice(from, from + 4).map((byte) => byte ^ mask));
  switch (address.range()) {
    case 'ipv4Mapped':
    case 'rfc6145':
      return [v4(12)];
    case 'rfc6052':
      // The prefix of every NAT64. 64:ff9b:1::/48 is for private networks and is not unwrapped.
      return bytes[5] === 0 ? [v4(12)] : [address];
    case '6to4':
      return [v4(2)];
    case 'teredo':
      return [v4(4), v4(12, 0xff)];
    default:
      return [address];
  }
}

function normalizeAddress(address: string): string {
  return ipaddr.process(address).toNormalizedString();
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((all = []) =>
    all.map(({ address }) => address),
  );
}
