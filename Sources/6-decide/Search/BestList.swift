/// The best of a stream by value, as many as are asked for.
package struct BestList<Element: Sendable>: Sendable {
  package struct Entry: Sendable {
    package let value: Double
    package let element: Element
  }

  package let capacity: Int
  /// A heap with the least on top.
  private var heap: [Entry] = []

  package init(capacity: Int) { self.capacity = capacity }

  package mutating func insert(_ value: Double, _ element: @autoclosure () -> Element) {
    if heap.count < capacity {
      heap.append(Entry(value: value, element: element()))
      rise(heap.count - 1)
    } else if let least = heap.first, value > least.value {
      heap[0] = Entry(value: value, element: element())
      sink(0)
    }
  }

  package mutating func merge(_ other: BestList) {
    for entry in other.heap { insert(entry.value, entry.element) }
  }

  /// Best first.
  package var sorted: [Entry] { heap.sorted { $0.value > $1.value } }

  private mutating func rise(_ start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      guard heap[index].value < heap[parent].value else { return }
      heap.swapAt(index, parent)
      index = parent
    }
  }

  private mutating func sink(_ start: Int) {
    var index = start
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count {
        if heap[child].value < heap[least].value { least = child }
      }
      guard least != index else { return }
      heap.swapAt(index, least)
      index = least
    }
  }
}
