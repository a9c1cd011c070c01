import ArgumentParser

/// Values of one kind, separated by commas.
struct CommaSeparated<Element: ExpressibleByArgument & Sendable>: ExpressibleByArgument, Sendable {
  let values: [Element]

  init?(argument: String) {
    let words = argument.split(separator: ",", omittingEmptySubsequences: false)
    let values = words.compactMap { Element(argument: String($0)) }
    guard !values.isEmpty, values.count == words.count else { return nil }
    self.values = values
  }

  static var allValueStrings: [String] { Element.allValueStrings }
}
