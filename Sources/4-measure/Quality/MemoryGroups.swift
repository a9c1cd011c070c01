/// What does not fit into memory together, in groups that do.
package enum MemoryGroups {
  /// Indices of `bytes` in order, cut where the next one would not fit; each group has at least one.
  ///
  /// - Parameter beside: bytes of what is in memory with each group.
  package static func of(_ bytes: [Int], beside: Int, within available: Int) -> [[Int]] {
    var groups: [[Int]] = []
    var room = 0
    for (index, need) in bytes.enumerated() {
      if groups.isEmpty || need > room {
        groups.append([])
        room = available - min(beside, available)
      }
      groups[groups.count - 1].append(index)
      room -= min(need, room)
    }
    return groups
  }
}
