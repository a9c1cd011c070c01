import Input

/// A picture and the table behind it: rows once, from which the page draws, lists and saves.
struct Figure: Encodable {
  /// A specification of `ReportAssets/figures`; the channels that it knows are the fields of its marks.
  enum Specification: String, Encodable { case intervals, lines, stages, scatter, history }

  struct Axis: Encodable {
    enum Scale: String, Encodable { case linear, log }

    var title: String
    var scale = Scale.linear
    /// Whether a linear scale begins at 0.
    var zero = false
    /// Of the logarithm.
    var base: Int?
    /// As d3-format spells it.
    var format = ",~f"
    /// Where labels stand; by default at round numbers.
    var ticks: [Double]?
    /// Where lines for comparison stand.
    var references: [Double]?

    /// A scale for rates and times: logarithmic where they span more than a factor of 20.
    static func magnitudes(_ title: String, _ values: [Double]) -> Axis {
      let (least, most) = (values.min() ?? 0, values.max() ?? 0)
      return least > 0 && most / least > 20
        ? Axis(title: title, scale: .log, format: ",~r") : Axis(title: title, zero: true)
    }

    /// A scale for counts such as 1, 2, 8, 64: the values themselves are its labels where they are few.
    static func counts(_ title: String, _ values: [Double]) -> Axis {
      let distinct = Set(values).sorted()
      let isWide = (distinct.first ?? 0) > 0 && distinct.last! / distinct[0] >= 8
      return Axis(
        title: title, scale: isWide ? .log : .linear, base: isWide ? 2 : nil,
        ticks: distinct.count <= 16 ? distinct : nil)
    }
  }

  struct Axes: Encodable {
    var x: Axis
    var y: Axis?
    /// Whether both are of one quantity, so that equal values stand on a diagonal.
    var isDiagonal = false
  }

  /// What one cell of the table says.
  enum Cell: Encodable, Equatable {
    case empty
    case text(String)
    case number(Double)
    case flag(Bool)

    init(_ text: String?) { self = text.map(Cell.text) ?? .empty }
    init(_ number: Double?) { self = number.flatMap { $0.isFinite ? .number($0) : nil } ?? .empty }
    init(_ count: Int?) { self.init(count.map(Double.init)) }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .empty: try container.encodeNil()
      case .text(let text): try container.encode(text)
      case .number(let number): try container.encode(number)
      case .flag(let flag): try container.encode(flag)
      }
    }

    fileprivate var csv: String {
      switch self {
      case .empty: ""
      case .text(let text): text
      case .number(let number):
        Int(exactly: number).map { "\($0)" } ?? "\(number)"
      case .flag(let flag): "\(flag)"
      }
    }
  }

  /// A column of the table, which may also feed a channel of the picture.
  struct Column<Row> {
    let title: String
    let channel: String?
    let cell: (Row) -> Cell

    init(_ title: String, _ channel: String? = nil, _ cell: @escaping (Row) -> Cell) {
      self.title = title
      self.channel = channel
      self.cell = cell
    }
  }

  struct Heading: Encodable {
    let title: String
    let channel: String?
  }

  let id: String
  /// Absent where there is only the table.
  let specification: Specification?
  let title: String
  let caption: String
  let axes: Axes?
  let columns: [Heading]
  let rows: [[Cell]]
  /// How many rows, from the first, the picture has.
  let drawn: Int
  let csv: String

  /// - Parameters:
  ///   - caption: a sentence that says what is seen.
  ///   - columns: those that are empty in all rows are left out.
  ///   - groups: what the picture has room for 30 of, such as series; the table has all.
  init<Row>(
    _ id: String, _ specification: Specification?, _ title: String, caption: String,
    axes: Axes? = nil, rows: [Row], columns: [Column<Row>], groups: (Row) -> String = { _ in "" }
  ) {
    let cells = rows.map { row in columns.map { $0.cell(row) } }
    let kept = columns.indices.filter { column in cells.contains { $0[column] != .empty } }
    let headings = kept.map { Heading(title: columns[$0].title, channel: columns[$0].channel) }
    self.id = id
    self.specification = specification
    self.title = title
    self.axes = axes
    self.columns = headings
    self.rows = cells.map { row in kept.map { row[$0] } }
    drawn = Self.prefix(rows.map(groups), groups: 30)
    self.caption =
      drawn < rows.count
      ? caption + " The picture has the first \(drawn) of \(rows.count) rows." : caption
    let lines =
      [headings.map(\.title)] + self.rows.map { row in row.map(\.csv) }
    csv = lines.map { $0.map(DelimitedText.quoted).joined(separator: ",") + "\r\n" }.joined()
  }

  /// How many of `names`, from the first, belong to the first so many groups.
  private static func prefix(_ names: [String], groups: Int) -> Int {
    var seen: Set<String> = []
    return names.firstIndex { seen.insert($0).inserted && seen.count > groups } ?? names.count
  }
}
