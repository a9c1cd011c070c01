import ArchitectureSearch
import ArgumentParser

/// An argument that says which form it has, where it is given in another. Options read it by
/// `transform: Count.read`.
protocol ReadArgument: ExpressibleByArgument {
  /// What is expected, with an example.
  static var form: String { get }
}

extension ReadArgument {
  static func read(_ text: String) throws -> Self {
    guard let value = Self(argument: text) else { throw UnexpectedForm(form: form) }
    return value
  }
}

/// ArgumentParser puts the value and the option before it.
private struct UnexpectedForm: Error, CustomStringConvertible {
  let form: String
  var description: String { "expected \(form)" }
}

extension Count: ReadArgument {
  static let form = "a count such as 100B, 80M or 1.5e9 (K, M, B, T)"
}

extension AnchorArgument: ReadArgument {
  static let form = "arch:loss:tokens such as llama-3.2-1b:2.803:100B"
}

extension Percentage: ReadArgument {
  static let form = "a share such as 5% or 0.5%"
}

extension TimeSpan: ReadArgument {
  static let form = "a time such as 90s, 10m or 2h"
}

extension WorkloadShape: ReadArgument {
  static let form = "tokens in and out such as 4096x1024"
}

extension CountList: ReadArgument {
  static let form = "counts such as 1,16,128, each up to \(largest)"
}

extension GQAArgument: ReadArgument {
  static let form = "a count such as 4, or free"
}

extension CommaSeparated: ReadArgument where Element: ReadArgument {
  static var form: String { "\(Element.form), comma-separated" }
}

extension CountRange: ReadArgument {
  static let form = "counts or ranges such as 16 or 12-20"
}

extension WorkloadShape: CustomStringConvertible {
  var description: String { defaultValueDescription }
}

extension CountList: CustomStringConvertible {
  var description: String { defaultValueDescription }
}

extension TimeSpan: CustomStringConvertible {
  var description: String { defaultValueDescription }
}
