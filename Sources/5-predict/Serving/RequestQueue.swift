/// Requests that wait, first come, first served; those that were dropped go back to the front.
struct RequestQueue {
  private var items: [Int] = []
  private var head = 0
  /// The last one stands first.
  private var front: [Int] = []

  var isEmpty: Bool { front.isEmpty && head == items.count }
  var count: Int { front.count + items.count - head }
  var first: Int? { front.last ?? (head < items.count ? items[head] : nil) }

  mutating func append(_ request: Int) { items.append(request) }

  mutating func prepend(_ request: Int) { front.append(request) }

  mutating func removeFirst() {
    if front.popLast() != nil { return }
    head += 1
    if head > 1024, 2 * head > items.count {
      items.removeFirst(head)
      head = 0
    }
  }
}
