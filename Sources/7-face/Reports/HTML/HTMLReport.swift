import BuildCommit
import Foundation
import Input
import Records
import ReportAssets
import Store

/// One HTML file with everything in it: figures that answer to the pointer, the tables behind them and
/// the library that draws. It fetches nothing, and its policy forbids it to.
///
/// Texts of records are data: they enter the page escaped, or as JSON that its script sets as text.
public struct HTMLReport {
  private let title: String
  private let facts: ReportFacts
  private let sections: [Section]

  private struct Section {
    let kind: any ReportSection.Type
    let figures: [Figure]
  }

  /// - Throws: `InputError` for records that lack what their kind has, or that no section shows.
  public init(_ input: ReportInput, title: String) throws {
    self.title = title
    facts = try ReportFacts(input)
    sections = try ReportSections.all.map { kind in
      Section(kind: kind, figures: try kind.figures(input))
    }.filter { !$0.figures.isEmpty }
    guard !sections.isEmpty else {
      throw InputError(
        input.sources.joined(separator: ", "), problem: "there is nothing to show in them",
        expected: RecordKind.expected)
    }
  }

  /// What is in it, for people: a row a figure.
  public var table: String {
    var table = Table([("section", .left), ("figure", .left), ("rows", .right)])
    for section in sections {
      for figure in section.figures {
        table.add([section.kind.title, figure.title, "\(figure.rows.count)"])
      }
    }
    return table.rendered()
  }

  /// The page.
  ///
  /// - Throws: `InputError` where this build of Dyno has no chart library.
  public func text() throws -> String {
    guard let charts = ReportAssets.charts else {
      throw InputError(
        "report", problem: "this build has no chart library",
        expected: "libjs-vega to be installed (apt-get install libjs-vega) when Dyno is built")
    }
    return try text(charts: charts)
  }

  /// - Parameter charts: the chart library's script.
  package func text(charts: String) throws -> String {
    let texts: [String: String] = [
      "policy": Self.policy(scripts: [charts, ReportAssets.script]),
      "title": OutputText.xml(title), "style": ReportAssets.style, "facts": head,
      "contents": contents, "sections": body, "commit": OutputText.xml(BuildCommit.text),
      "data": try data(), "library": charts, "script": ReportAssets.script,
    ]
    // In one pass, so that no text is taken for a place of another.
    return ReportAssets.page.replacing(#/\{\{(\w+)\}\}/#) { texts[String($0.1)] ?? "" }
  }

  /// Scripts by their digests and nothing from elsewhere. Vega places its own styles.
  private static func policy(scripts: [String]) -> String {
    let digests = scripts.map { "'sha256-\(ContentHash.base64(Data($0.utf8)))'" }
    return "default-src 'none'; script-src \(digests.joined(separator: " ")); "
      + "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
  }

  private var head: String {
    facts.facts.map { name, values in
      "<dt>\(name)</dt><dd>\(OutputText.xml(values.joined(separator: ", ")))</dd>"
    }.joined(separator: "\n")
  }

  private var contents: String {
    sections.map { "<li><a href=\"#\($0.kind.id)\">\(OutputText.xml($0.kind.title))</a></li>" }
      .joined(separator: "\n")
  }

  private var body: String {
    sections.map { section in
      """
      <section id="\(section.kind.id)">
      <h2>\(OutputText.xml(section.kind.title))</h2>
      <p>\(OutputText.xml(section.kind.about))</p>
      \(section.figures.map(Self.place).joined(separator: "\n"))
      </section>
      """
    }.joined(separator: "\n")
  }

  /// Where the script draws a figure.
  private static func place(_ figure: Figure) -> String {
    """
    <figure id="\(figure.id)">
    <h3>\(OutputText.xml(figure.title))</h3>
    <figcaption>\(OutputText.xml(figure.caption))</figcaption>
    <div class="chart" role="img" aria-label="\(OutputText.xml(figure.title))"></div>
    </figure>
    """
  }

  private struct Document: Encodable {
    let figures: [Figure]
    let specifications: [String: JSONValue]
  }

  private func data() throws -> String {
    let specifications = try ReportAssets.figures.mapValues {
      try JSONValue(parsing: Data($0.utf8))
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let document = Document(
      figures: sections.flatMap(\.figures), specifications: specifications)
    return OutputText.script(String(decoding: try encoder.encode(document), as: UTF8.self))
  }
}
