/** The earlier of the two instants at which a pending operation fails; null: neither is set. */
export function giveUpAt(p: {
  readonly waitUntil: number | null;
  readonly deadlineAt: number | null;
}): number | null {
  if (p.waitUntil === null) return p.deadlineAt;
  return p.deadlineAt === null ? p.waitUntil : Math.min(p.waitUntil, p.deadlineAt);
}
