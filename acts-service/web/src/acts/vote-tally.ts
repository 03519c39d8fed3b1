// An act's votes while some of this reader's own are on their way: counted at once, taken back when the service refuses.

export interface VoteTally {
  /** What the service is known to hold. */
  readonly confirmed: number;
  /** Votes sent and not answered yet. */
  readonly pending: number;
  /** This reader's own since the page was opened, except those refused. */
  readonly own: number;
  /** When the last answer to a vote came; a list asked for before that may not hold it. */
  readonly settledAt: number;
}

export function tallyOf(upvotes: number): VoteTally {
  return { confirmed: upvotes, pending: 0, own: 0, settledAt: -Infinity };
}

export function shownVotes(tally: VoteTally): number {
  return tally.confirmed + tally.pending;
}

export function voteSent(tally: VoteTally): VoteTally {
  return { ...tally, pending: tally.pending + 1, own: tally.own + 1 };
}

export function voteAccepted(tally: VoteTally, now: number): VoteTally {
  return { ...tally, confirmed: tally.confirmed + 1, pending: tally.pending - 1, settledAt: now };
}

export function voteRefused(tally: VoteTally, now: number): VoteTally {
  return { ...tally, pending: tally.pending - 1, own: tally.own - 1, settledAt: now };
}

/** A count from a list. Ignored while it cannot be told which of our votes it holds; the next list is soon enough. */
export function votesListed(tally: VoteTally, upvotes: number, askedAt: number): VoteTally {
  return tally.pending > 0 || askedAt <= tally.settledAt ? tally : { ...tally, confirmed: upvotes };
}
