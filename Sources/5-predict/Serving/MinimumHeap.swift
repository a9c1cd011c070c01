/// A request of an epoch.
struct HeapEntry {
  var request: Int
  var epoch: Int
}

/// Entries by their key, the least first: a binary heap.
struct MinimumHeap {
  private var items: [(key: Int, entry: HeapEntry)] = []

  var first: (key: Int, entry: HeapEntry)? { items.first }

  mutating func insert(_ key: Int, _ entry: HeapEntry) {
    items.append((key, entry))
    var child = items.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard items[child].key < items[parent].key else { return }
      items.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeFirst() {
    items.swapAt(0, items.count - 1)
    items.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in (2 * parent + 1)...(2 * parent + 2) {
        if child < items.count, items[child].key < items[least].key { least = child }
      }
      guard least != parent else { return }
      items.swapAt(parent, least)
      parent = least
    }
  }
}
