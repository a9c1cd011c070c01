/// Names of series that are as short as they can be.
enum SeriesNames {
  /// For each of `identities`, its first part, and those of the others in which any two differ.
  ///
  /// - Parameter identities: parts that tell a series from another, all in the same order.
  static func shortest(_ identities: [[String]]) -> [String] {
    guard let first = identities.first else { return [] }
    let telling = first.indices.filter { part in
      part == 0 || Set(identities.map { $0[part] }).count > 1
    }
    return identities.map { parts in
      telling.map { parts[$0] }.filter { !$0.isEmpty }.joined(separator: ", ")
    }
  }
}
