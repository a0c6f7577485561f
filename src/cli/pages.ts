/** Reads a list to its end, page by page. */
export async function allPages<Answer extends { readonly nextPageToken: string }, Element>(
  ask: (pageToken: string) => Promise<Answer>,
  elementsOf: (answer: Answer) => readonly Element[],
): Promise<Element[]> {
  const all: Element[] = []
  for (let pageToken = ''; ;) {
    const answer = await ask(pageToken)
    all.push(...elementsOf(answer))
    if (answer.nextPageToken === '') return all
    pageToken = answer.nextPageToken
  }
}
