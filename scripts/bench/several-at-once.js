/** Does `act` for each of the items, never for more than `limit` at a time. */
export async function severalAtOnce(limit, items, act) {
  const left = [...items];
  const worker = async () => {
    while (left.length > 0) await act(left.shift());
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
