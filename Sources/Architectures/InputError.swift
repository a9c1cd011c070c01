/// Something wrong with what the user gave: a file, a field, an option.
///
/// Printed as one line, `where: what; expected …`; the command line ends with exit code 2.
public struct InputError: Error, CustomStringConvertible, Equatable {
  /// The file, field or option at fault, outermost first.
  public var location: [String]
  /// What is wrong there.
  public var problem: String
  /// What would have been right, where that helps.
  public var expected: String?

  public init(_ location: String..., problem: String, expected: String? = nil) {
    self.location = location
    self.problem = problem
    self.expected = expected
  }

  /// The same error, seen from further out: `place` is put before the location.
  public func within(_ place: String) -> InputError {
    var error = self
    error.location.insert(place, at: 0)
    return error
  }

  public var description: String {
    let place = location.isEmpty ? "" : location.joined(separator: ": ") + ": "
    return Self.line(place + problem + (expected.map { "; expected \($0)" } ?? ""))
  }

  /// `text` as the one line that is printed of it. Names come from untrusted files: no line breaks,
  /// no terminal codes, and no characters that reorder what is read.
  public static func line(_ text: String) -> String {
    if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
    let unsafe: Set<Unicode.GeneralCategory> = [
      .control, .format, .lineSeparator, .paragraphSeparator,
    ]
    return String(
      String.UnicodeScalarView(
        text.unicodeScalars.map {
          unsafe.contains($0.properties.generalCategory) ? "\u{FFFD}" : $0
        }))
  }
}

/// Adds where an error happened: the name of the file, the name of the shard.
public func within<Result>(_ place: String, _ body: () throws -> Result) throws -> Result {
  do { return try body() } catch let error as InputError { throw error.within(place) }
}
